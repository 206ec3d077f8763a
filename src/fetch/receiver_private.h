/* What receiver.c, which has body and upload, receiver_head.c, which has status and
   headers, and receiver_connect.c share. */
#pragma once

#include "multi.h"
#include "receiver.h"

/* A sign of life, for the limits. */
static inline void receiver_touch(Easy *easy)
{
  if (easy->multi != NULL)
    easy->receiver->active_ms = multi_now(easy->multi);
}

/* The transfer is ready. */
static inline void receiver_tell(Easy *easy)
{
  if (easy->multi != NULL)
    easy_join_ready(easy, easy->multi->ready);
}

/* The answer is no valid one: what a callback returns then to end the transfer,
   which is never the `size` that it got. */
static inline size_t receiver_refuse(Easy *easy, const char *reason,
                                     size_t size)
{
  easy->receiver->invalid = reason;
  return size + 1;
}

/* The header callback. */
size_t receiver_on_header(char *line, size_t one, size_t size, void *data);

/* CURLOPT_SOCKOPTFUNCTION and CURLOPT_RESOLVER_START_FUNCTION. */
int receiver_on_socket(void *data, curl_socket_t fd, curlsocktype purpose);
int receiver_on_resolve(void *state, void *reserved, void *data);
