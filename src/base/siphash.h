/* A keyed hash: SipHash-2-4 of 128 bits (Aumasson, Bernstein). Who has not the
   key learns nothing of the text, and finds no two with the same hash. Knows
   nothing of Lua. */
#pragma once

#include <stddef.h>

#define SIPHASH_BYTES 16

/* `key` and `hash` have SIPHASH_BYTES each. */
void siphash(const unsigned char *key, const void *text, size_t size,
             unsigned char *hash);
