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
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
// Macros, which Swift does not see.
static inline int copenssl_require_tls12(SSL_CTX *context) { return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION); }
static inline long copenssl_ask_for(SSL *session, const char *host) { return SSL_set_tlsext_host_name(session, host); }
