/* SHA-1, of the cryptographic library that libcurl is linked to: a WebSocket's
   handshake has it (RFC 6455, 4.2.2), as proof of nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SHA1_SIZE 20

/* False: no library for it, or it has failed. */
bool sha1(const void *bytes, size_t size, unsigned char result[SHA1_SIZE]);
