/* Which libcurl runs; it may be newer or older than the headers. Pure C. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <curl/curl.h>

/* libcurl before 7.87 has no such macro, and no deprecations. */
#ifndef CURL_IGNORE_DEPRECATION
#define CURL_IGNORE_DEPRECATION(statements) statements
#endif

/* The libcurl that runs, as 0xMMmmpp. curl_version_info formats strings at
   each call, which costs as much as a tenth of a request: ask once. All
   threads write the same value. */
static inline unsigned int compat_curl_version(void)
{
  static unsigned int known;
  unsigned int version = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (version == 0) {
    version = curl_version_info(CURLVERSION_NOW)->version_num;
    __atomic_store_n(&known, version, __ATOMIC_RELAXED);
  }
  return version;
}

/* Whether HTTP/3 is on the QUIC of OpenSSL: ngtcp2 is named before nghttp3. */
static inline bool compat_curl_has_openssl_quic(void)
{
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  return info->age >= CURLVERSION_SIXTH && info->quic_version != NULL &&
         strncmp(info->quic_version, "nghttp3/", 8) == 0;
}
