"""What the machine does for us: files, locks, downloads, processors and who may use them."""
