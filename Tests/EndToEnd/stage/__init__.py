"""What the tests stand on: a network of their own, the stack in it, browsers, bare clients and an app server's calls."""
