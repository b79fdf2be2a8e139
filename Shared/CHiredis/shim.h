#pragma once
// What the C library declares is the C library's, whichever of our modules the compiler happens to load first.
#pragma clang module import SwiftGlibc
#include <sys/types.h>
#include <sys/select.h>
#include <hiredis/hiredis.h>
