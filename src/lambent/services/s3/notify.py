"""stub"""


class Notifier:
    def post(self, connection, event, version, call):
        return []

    def sent(self, messages):
        pass
