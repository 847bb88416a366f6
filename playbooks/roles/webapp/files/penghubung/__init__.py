"""penghubung: the service in front (sistem penghubung layanan): one view over naskah, absensi and kearsipan.

It keeps no data of its own: what it is made of is this program and its configuration.
"""
