"""A Secret Service that misbehaves, for keychain.test.ts: an unlocked collection that answers everything but CreateItem, for ever.

Writes a line "READY", then the name of each method that is called, to stdout. Run by /usr/bin/python3 (python3-dbus, python3-gi).
"""

import dbus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

BASE = "org.freedesktop.Secret"
ROOT = "/org/freedesktop/secrets"
COLLECTION = ROOT + "/collection/login"


def note(name):
    print(name, flush=True)


class Service(dbus.service.Object):
    @dbus.service.method(BASE + ".Service", in_signature="sv", out_signature="vo")
    def OpenSession(self, algorithm, _input):
        note("OpenSession")
        if algorithm != "plain":
            raise dbus.DBusException("only plain", name="org.freedesktop.DBus.Error.NotSupported")
        return dbus.String("", variant_level=1), dbus.ObjectPath(ROOT + "/session/s1")

    @dbus.service.method(BASE + ".Service", in_signature="a{ss}", out_signature="aoao")
    def SearchItems(self, _attributes):
        note("SearchItems")
        return dbus.Array([], "o"), dbus.Array([], "o")

    @dbus.service.method(BASE + ".Service", in_signature="s", out_signature="o")
    def ReadAlias(self, _name):
        note("ReadAlias")
        return dbus.ObjectPath(COLLECTION)

    @dbus.service.method(BASE + ".Service", in_signature="ao", out_signature="aoo")
    def Unlock(self, paths):
        note("Unlock")
        return paths, dbus.ObjectPath("/")

    @dbus.service.method("org.freedesktop.DBus.Properties", in_signature="ss", out_signature="v")
    def Get(self, _interface, name):
        note("Get")
        return dbus.Array([dbus.ObjectPath(COLLECTION)], "o", variant_level=1) if name == "Collections" else ""

    @dbus.service.method("org.freedesktop.DBus.Properties", in_signature="s", out_signature="a{sv}")
    def GetAll(self, _interface):
        return {"Collections": dbus.Array([dbus.ObjectPath(COLLECTION)], "o")}


class Collection(dbus.service.Object):
    @dbus.service.method(
        BASE + ".Collection", in_signature="a{sv}(oayays)b", out_signature="oo", async_callbacks=("done", "failed")
    )
    def CreateItem(self, _properties, _secret, _replace, done, failed):
        note("CreateItem")

    @dbus.service.method("org.freedesktop.DBus.Properties", in_signature="ss", out_signature="v")
    def Get(self, _interface, name):
        return False if name == "Locked" else ""

    @dbus.service.method("org.freedesktop.DBus.Properties", in_signature="s", out_signature="a{sv}")
    def GetAll(self, _interface):
        return {"Locked": False, "Label": "login", "Items": dbus.Array([], "o")}


DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
name = dbus.service.BusName("org.freedesktop.secrets", bus)
service = Service(bus, ROOT)
collection = Collection(bus, COLLECTION)
# libsecret creates items through the alias.
alias = Collection(bus, ROOT + "/aliases/default")
note("READY")
GLib.MainLoop().run()
