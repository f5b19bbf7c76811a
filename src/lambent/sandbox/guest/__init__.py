"""What runs inside: launcher, zygote and jail. Python 3.8 to 3.14, standard library only.

The server copies these files into the sandbox's root as the package `guest`; nothing here may
import the rest of Lambent.
"""
