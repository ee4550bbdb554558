"""The words every stage speaks: names, types, identity, errors. No input or output happens here."""
