# Runs a genuine Mesos 1.11.0 master, and MESOS_NUM_SLAVES agents, in this process (Python 2.7).
#
# libmesos starts such a cluster for a scheduler driver whose master is called "local". The driver's own framework
# is only the key that starts the engine: it is stopped as soon as it is registered, so that it takes no offers.
#
# Where it listens and how it behaves comes from the environment (LIBPROCESS_IP, LIBPROCESS_PORT, MESOS_*).
# Prints READY when the master answers; ends when its standard input does, so it never outlives its parent.
import os
import sys
import threading

import mesos.scheduler
from mesos.interface import Scheduler, mesos_pb2


class Key(Scheduler):
    def __init__(self):
        self.turned = threading.Event()
        self.complaint = None

    def registered(self, driver, framework_id, master_info):
        driver.suppressOffers()
        self.turned.set()

    def resourceOffers(self, driver, offers):
        for offer in offers:
            driver.declineOffer(offer.id)

    def error(self, driver, message):
        self.complaint = message
        self.turned.set()


key = Key()
info = mesos_pb2.FrameworkInfo()
info.user = ""
info.name = "starts-the-cluster"
driver = mesos.scheduler.MesosSchedulerDriver(key, info, "local", 1)
driver.start()
if not key.turned.wait(60) or key.complaint is not None:
    sys.exit("the master did not come up: %s" % key.complaint)
driver.stop()
print("READY")
sys.stdout.flush()
while os.read(0, 4096):
    pass
# The library's own threads are still busy: leave without unloading it under them.
os._exit(0)
