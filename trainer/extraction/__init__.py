"""From clips to face crops, on one machine or many, whatever kills them on the way."""
