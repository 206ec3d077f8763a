/* See sha256.h. OpenSSL's libcrypto, or else GnuTLS, whichever libcurl brings:
   multisock is built without their headers, and what is declared here has not
   changed since OpenSSL 1.1.0 and GnuTLS 2.10. They use what the processor has
   for it, which is four times as fast as plain C. Used by sha256_lua.c. */
#include "sha256.h"

typedef struct evp_md_ctx_st EVP_MD_CTX;
typedef struct evp_md_st EVP_MD;
typedef struct hash_hd_st *gnutls_hash_hd_t;

enum { GNUTLS_DIG_SHA256 = 6 };

#pragma weak EVP_MD_CTX_new
#pragma weak EVP_MD_CTX_free
#pragma weak EVP_sha256
#pragma weak EVP_DigestInit_ex
#pragma weak EVP_DigestUpdate
#pragma weak EVP_DigestFinal_ex
EVP_MD_CTX *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(EVP_MD_CTX *context);
const EVP_MD *EVP_sha256(void);
int EVP_DigestInit_ex(EVP_MD_CTX *context, const EVP_MD *type, void *engine);
int EVP_DigestUpdate(EVP_MD_CTX *context, const void *bytes, size_t size);
int EVP_DigestFinal_ex(EVP_MD_CTX *context, unsigned char *result,
                       unsigned int *size);
#pragma weak gnutls_hash_init
#pragma weak gnutls_hash
#pragma weak gnutls_hash_deinit
int gnutls_hash_init(gnutls_hash_hd_t *hash, int algorithm);
int gnutls_hash(gnutls_hash_hd_t hash, const void *bytes, size_t size);
void gnutls_hash_deinit(gnutls_hash_hd_t hash, void *result);

static bool has_crypto(void)
{
  return EVP_MD_CTX_new && EVP_MD_CTX_free && EVP_sha256 && EVP_DigestInit_ex &&
         EVP_DigestUpdate && EVP_DigestFinal_ex;
}

static bool has_gnutls(void)
{
  return gnutls_hash_init && gnutls_hash && gnutls_hash_deinit;
}

bool sha256_is_there(void)
{
  return has_crypto() || has_gnutls();
}

/* A Sha256 is what the library in use has. */

Sha256 *sha256_new(void)
{
  gnutls_hash_hd_t hash = NULL;
  if (has_crypto()) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context != NULL && !EVP_DigestInit_ex(context, EVP_sha256(), NULL)) {
      EVP_MD_CTX_free(context);
      context = NULL;
    }
    return (Sha256 *)context;
  }
  if (has_gnutls() && gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0)
    hash = NULL;
  return (Sha256 *)hash;
}

bool sha256_add(Sha256 *sum, const void *bytes, size_t size)
{
  if (has_crypto())
    return EVP_DigestUpdate((EVP_MD_CTX *)sum, bytes, size) == 1;
  return gnutls_hash((gnutls_hash_hd_t)sum, bytes, size) == 0;
}

bool sha256_end(Sha256 *sum, unsigned char result[SHA256_SIZE])
{
  bool ok = true;
  if (has_crypto()) {
    ok = EVP_DigestFinal_ex((EVP_MD_CTX *)sum, result, NULL) == 1;
    EVP_MD_CTX_free((EVP_MD_CTX *)sum);
  }
  else
    gnutls_hash_deinit((gnutls_hash_hd_t)sum, result);
  return ok;
}

void sha256_free(Sha256 *sum)
{
  if (sum == NULL)
    return;
  if (has_crypto())
    EVP_MD_CTX_free((EVP_MD_CTX *)sum);
  else
    gnutls_hash_deinit((gnutls_hash_hd_t)sum, NULL);
}
