"""Scripts that run in a container, sent there through stdin: package data, for Python 3.7 and later, Node.js and sh.

What they write is one line of JSON after a marker. No value of a variable is ever in it.
"""
