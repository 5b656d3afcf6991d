#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <miniupnpc/upnperrors.h>

/// UPNP_GetValidIGD, which from version 18 of the interface on has two more parameters and other results:
/// 1 for a router that can forward ports, 0 where there is none among the devices.
static inline int cminiupnpc_find_router(
    struct UPNPDev *devices, struct UPNPUrls *urls, struct IGDdatas *data, char *local, int local_bytes) {
#if MINIUPNPC_API_VERSION >= 18
    int found = UPNP_GetValidIGD(devices, urls, data, local, local_bytes, 0, 0);
    int usable = found >= 1 && found <= 3;
#else
    int found = UPNP_GetValidIGD(devices, urls, data, local, local_bytes);
    int usable = found == 1 || found == 2;
#endif
    // Another kind of device comes with memory of its own.
    if (found > 0 && !usable) FreeUPNPUrls(urls);
    return usable;
}
