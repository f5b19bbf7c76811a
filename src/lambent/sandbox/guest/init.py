"""What the launcher executes inside the new root, with the interpreter of the sandboxes."""

import sys

if __name__ == "__main__":
    # There is such a package only inside the root, see lambent.sandbox.root_plan.
    from guest.zygote import main  # type: ignore[import-not-found]

    main(sys.argv[1:])
