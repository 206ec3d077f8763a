/* Which libcurl runs; it may be newer or older than the headers. Pure C. */
#ifndef MULTISOCK_CURL_VERSION_H
#define MULTISOCK_CURL_VERSION_H

#include <curl/curl.h>

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

#endif
