"""What is wrong with settings: pure rules on data, with the place of each finding."""
