"""What an ensemble is worth: predictions kept, figures with intervals, calibration, robustness."""
