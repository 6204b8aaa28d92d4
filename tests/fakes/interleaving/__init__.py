"""Real code of several actors in any order, one call at a time, over states that can be kept and gone back to."""
