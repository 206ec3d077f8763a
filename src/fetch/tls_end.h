/* Whether TLS has told that the server says no more. A body without a length ends
   with its connection, which anybody on the way can end: only TLS's own end
   (close_notify) tells a whole one from one that was cut off (RFC 9112 9.8).
   libcurl takes both for the end, see quirk_tls_end_unread, so its OpenSSL is
   asked. */
#pragma once

#include "receiver.h"

/* The answer's headers are complete: looks at the end of its TLS if it is one
   that the end of the connection ends. */
void tls_end_watch(Easy *easy);

/* When the transfer has ended: whether it was looked at, and is missing. */
bool tls_end_is_missing(const Easy *easy);
