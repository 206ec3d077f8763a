/* Functions that are younger than the oldest libcurl that builds. They are
   weak: NULL where the libcurl that runs lacks them, so one binary serves all
   versions. Names of our own keep clear of what a newer header declares. */
#pragma once

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
CURLcode curl_ws_send(CURL *easy, const void *buffer, size_t size, size_t *sent,
                      curl_off_t fragment_size, unsigned int flags);
const struct curl_ws_frame *curl_ws_meta(CURL *easy);
#endif

#pragma weak curl_easy_header
#pragma weak curl_easy_nextheader
#pragma weak curl_ws_recv
#pragma weak curl_ws_send
#pragma weak curl_ws_meta

#define NEWER_TEXT_(text) #text
#define NEWER_TEXT(text) NEWER_TEXT_(text)
/* Some systems put an underscore before the names of C functions. */
#define NEWER(name) \
  __asm__(NEWER_TEXT(__USER_LABEL_PREFIX__) #name) __attribute__((weak))

extern CURLMcode newer_waitfds(CURLM *multi, struct curl_waitfd *fds,
                               unsigned int size, unsigned int *count)
    NEWER(curl_multi_waitfds);
extern CURLMcode newer_get_offt(CURLM *multi, int info, curl_off_t *value)
    NEWER(curl_multi_get_offt);
extern CURLMcode newer_notify_enable(CURLM *multi, unsigned int kind)
    NEWER(curl_multi_notify_enable);
extern CURLMcode newer_notify_disable(CURLM *multi, unsigned int kind)
    NEWER(curl_multi_notify_disable);

/* The first version that has each. */
#define NEWER_WAITFDS 0x080800
#define NEWER_GET_OFFT 0x081000
#define NEWER_NOTIFY 0x081100
