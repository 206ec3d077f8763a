/* What goes on after an answer of 101: bytes both ways, of a protocol that libcurl does
   not know, as the rest of one request. libcurl takes the end of what comes for the end
   of the answer, and waits for that of the upload, which may never come: then it wants
   nothing of the socket any more, and tells nobody but who watches that. So this is the
   sign that the other end has hung up, see multi_removed. Used by receiver_head.c. */
#pragma once

#include "multi.h"
#include "receiver.h"

/* From its header callback, at the status line of such an answer. What follows the headers
   has no length, whatever they say: some servers send "Content-Length: 0" (RFC 9110, 8.6:
   they must not). */
static inline void switched_begin(Easy *easy)
{
  easy->receiver->switched = true;
  easy->needs_reset = true;
  if (easy->multi != NULL)
    easy->multi->driven.tells_removed = true;
  (void)curl_easy_setopt(easy->handle, CURLOPT_IGNORE_CONTENT_LENGTH, 1L);
}
