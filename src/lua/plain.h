/* Text of strangers, made fit for messages, logs and terminals. */
#pragma once

#include "compat.h"

/* Bytes of a message, or of the URL in one, at most. */
#define PLAIN_MOST 1000

typedef enum PlainFlags {
  PLAIN_LOGS = 1 /* no passwords and tokens, spaces for line breaks */
} PlainFlags;

/* Pushes the text in one line: with `substitute` for each character that could
   steer a terminal and for each byte that is no UTF-8, cut to `most` bytes (0:
   not cut). */
void plain_push(lua_State *L, const char *text, size_t size, char substitute,
                size_t most, int flags);

/* core.plain(text[, substitute]), core.redact(text). */
int plain_clean(lua_State *L);
int plain_redact(lua_State *L);
