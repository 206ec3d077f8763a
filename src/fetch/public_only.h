/* The option allow_private = false: a transfer that may connect to public addresses
   alone. Each socket is looked at before it is opened, so every address of a name
   and every redirect is, and each connection before a request is sent on it: one
   that had been there before was not opened for this transfer. */
#pragma once

#include "gathered.h"

/* Right before its transfer starts, behind easy_set_driver. */
void public_only_begin(Easy *easy);

/* Whether a request may be sent to this address, as PREREQFUNCTION has it. */
bool public_only_allows(Easy *easy, const char *peer);
