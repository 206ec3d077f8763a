/* What libcurl knows of a transfer, by name. */
#pragma once

#include "easy.h"

/* Pushes the info named at stack index `name`; nil where libcurl has no
   value. False and an error object when this libcurl lacks it. */
bool info_push(lua_State *L, Easy *easy, int name);

/* core.infos(): the names. */
int info_list(lua_State *L);
