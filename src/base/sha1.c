/* See sha1.h; for how the libraries are found, sha256.c. */
#include "sha1.h"

typedef struct evp_md_st EVP_MD;

enum { GNUTLS_DIG_SHA1 = 3 };

#pragma weak EVP_sha1
#pragma weak EVP_Digest
const EVP_MD *EVP_sha1(void);
int EVP_Digest(const void *bytes, size_t size, unsigned char *result,
               unsigned int *result_size, const EVP_MD *type, void *engine);
#pragma weak gnutls_hash_fast
int gnutls_hash_fast(int algorithm, const void *bytes, size_t size,
                     void *result);

bool sha1(const void *bytes, size_t size, unsigned char result[SHA1_SIZE])
{
  if (EVP_sha1 && EVP_Digest)
    return EVP_Digest(bytes, size, result, NULL, EVP_sha1(), NULL) == 1;
  return gnutls_hash_fast &&
         gnutls_hash_fast(GNUTLS_DIG_SHA1, bytes, size, result) == 0;
}
