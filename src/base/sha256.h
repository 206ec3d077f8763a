/* SHA-256, of the cryptographic library that libcurl is linked to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SHA256_SIZE 32

typedef struct Sha256 Sha256;

/* Whether there is a library for it. */
bool sha256_is_there(void);

/* A new one; NULL: no library, or no memory. */
Sha256 *sha256_new(void);

bool sha256_add(Sha256 *sum, const void *bytes, size_t size);

/* Ends it, and frees it; false: no sum. */
bool sha256_end(Sha256 *sum, unsigned char result[SHA256_SIZE]);

/* May be NULL. */
void sha256_free(Sha256 *sum);
