"""From trained members to the folder that the page runs, with its card, and to the Hub."""
