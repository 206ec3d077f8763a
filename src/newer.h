/* Functions that are younger than the oldest libcurl that builds. They are
   weak: NULL where the libcurl that runs lacks them, so one binary serves all
   versions. Names of our own keep clear of what a newer header declares. */
#ifndef MULTISOCK_NEWER_H
#define MULTISOCK_NEWER_H

#include "compat.h"

#pragma GCC visibility push(default)

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

#pragma GCC visibility pop

/* The first version that has each. */
#define NEWER_WAITFDS 0x080800
#define NEWER_GET_OFFT 0x081000
#define NEWER_NOTIFY 0x081100

#endif
