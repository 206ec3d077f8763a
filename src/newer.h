/* Functions that only newer versions of libcurl export. They are weak, so one
   binary runs with either: NULL where the running libcurl has none. */
#ifndef MULTISOCK_NEWER_H
#define MULTISOCK_NEWER_H

#include "compat.h"

#if LIBCURL_VERSION_NUM < 0x075300
struct curl_header {
  char *name;
  char *value;
  size_t amount;
  size_t index;
  unsigned int origin;
  void *anchor;
};
int curl_easy_header(CURL *easy, const char *name, size_t index,
                     unsigned int origin, int request,
                     struct curl_header **header);
struct curl_header *curl_easy_nextheader(CURL *easy, unsigned int origin,
                                         int request,
                                         struct curl_header *previous);
#endif

#if LIBCURL_VERSION_NUM < 0x075600
struct curl_ws_frame {
  int age;
  int flags;
  curl_off_t offset;
  curl_off_t bytesleft;
  size_t len;
};
CURLcode curl_ws_recv(CURL *easy, void *buffer, size_t room, size_t *size,
                      const struct curl_ws_frame **frame);
CURLcode curl_ws_send(CURL *easy, const void *buffer, size_t size,
                      size_t *sent, curl_off_t fragment_size,
                      unsigned int flags);
const struct curl_ws_frame *curl_ws_meta(CURL *easy);
#endif

#pragma weak curl_easy_header
#pragma weak curl_easy_nextheader
#pragma weak curl_ws_recv
#pragma weak curl_ws_send
#pragma weak curl_ws_meta

#endif
