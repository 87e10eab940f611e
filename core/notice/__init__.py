"""What people are told elsewhere than on a page: that a run ended, or needs help."""
