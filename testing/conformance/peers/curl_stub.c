/*
 * Stands in for libcurl 4 when the genuine Mesos is loaded.
 *
 * The prebuilt library asks for the symbol version of a libcurl that no current distribution has. Mesos only
 * calls curl to fetch container images, which no test does, so every transfer fails at once.
 */
typedef void CURL;

int curl_global_init(long flags) { (void)flags; return 0; }
CURL *curl_easy_init(void) { return 0; }
int curl_easy_setopt(CURL *handle, int option, ...) { (void)handle; (void)option; return 2; }
int curl_easy_getinfo(CURL *handle, int info, ...) { (void)handle; (void)info; return 2; }
int curl_easy_perform(CURL *handle) { (void)handle; return 2; }
const char *curl_easy_strerror(int code) { (void)code; return "no transfers in this libcurl"; }
void curl_easy_cleanup(CURL *handle) { (void)handle; }
