"""What a release is made of: the package, and the pages that are generated for its readers."""
