"""From the manifest to batches of training crops."""
