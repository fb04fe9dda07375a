"""Lightning: the loop, devices, precision and checkpoints. Nothing else imports it."""
