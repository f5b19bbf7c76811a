"""What the launcher executes inside the new root, with the interpreter of the sandboxes."""

import sys

if __name__ == "__main__":
    from guest.zygote import main

    main(sys.argv[1:])
