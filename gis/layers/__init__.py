"""What a layer is: its definition, its code lists, the batches that go through it, the checks."""
