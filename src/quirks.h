/* Faults of libcurl that are worked round, by the versions that have them: one
   question for each, whose comment says what libcurl does (and the number of its
   issue) and what is done about it. Pure C. */
#ifndef MULTISOCK_QUIRKS_H
#define MULTISOCK_QUIRKS_H

#include <stdbool.h>

#include "curl_version.h"

/* 7.83.0 to 8.0.1 (curl#11101). libcurl keeps a pointer to the last header of a
   handle's transfer before, which it has freed. When the header block of an
   answer begins with a blank, that line "continues" the freed header: memory is
   read and freed that is not libcurl's any more. head_guard.c refuses such
   answers. */
static inline bool quirk_folded_first_line(void)
{
  return compat_curl_version() >= 0x075300 && compat_curl_version() < 0x080100;
}

/* Before 8.0.0 (curl#10690), and from 8.22.0 on, which looks at a connection once
   a second at most (curl#22169). An idle connection of HTTP/1 that has something
   to say serves the next request, which gets that for its answer. driver_idle.c
   looks before the request is sent. */
static inline bool quirk_reuses_talking(void)
{
  return compat_curl_version() < 0x080000 || compat_curl_version() >= 0x081600;
}

#endif
