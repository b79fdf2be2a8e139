#pragma once
// What the C library declares is the C library's, whichever of our modules the compiler happens to load first.
#pragma clang module import SwiftGlibc
#include <sys/types.h>
#include <sys/select.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <openssl/rand.h>
#include <openssl/pem.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
