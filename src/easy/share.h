/* Share handles: what easies have in common. */
#pragma once

#include "easy.h"

typedef struct Share Share;

/* The Share at this index; raises when it is none or closed. */
Share *share_check(lua_State *L, int idx);

/* Sets CURLOPT_SHARE; NULL: none. The easy keeps it until it is replaced or
   the easy is freed. */
CURLcode share_use(lua_State *L, Easy *easy, Share *share);

/* One of its users is gone; the last one frees it. NULL is allowed. */
void share_release(Share *share);

/* libcurl's own; NULL: no share. */
CURLSH *share_handle(const Share *share);

/* Whether connections are among what it shares. NULL is allowed. */
bool share_keeps_connections(const Share *share);

/* Whether HSTS entries are among what it shares now. NULL is allowed. */
bool share_has_hsts(const Share *share);

int share_new(lua_State *L);
void share_open(lua_State *L);
