/* Names under which strangers register theirs ("com", "co.uk"): a cookie for
   one would go to all of them. The list is libpsl's, which libcurl uses; the
   copy that libcurl has loaded is asked. */
#pragma once

/* Of a name in lower case, IDN as xn--: 1 or 0; -1 where there is no list. */
int public_suffix_is(const char *name);
