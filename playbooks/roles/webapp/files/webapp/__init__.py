"""webapp: what the lab's small applications share: settings, the JSON face with its counters, a client, the site permit.

Nothing here knows what an application is about.
"""
