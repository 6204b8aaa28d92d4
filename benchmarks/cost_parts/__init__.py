"""What a stack costs: counted on the embedded AWS, priced by one file of list prices."""
