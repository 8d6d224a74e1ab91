# Last: whom the files or another name service know is theirs.
passwd last valetkey
group last valetkey
