"""What tests share. Also a Django app of the tests' site, for its command `flush`."""
