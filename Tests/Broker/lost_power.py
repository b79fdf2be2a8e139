"""What a loss of power leaves on a disk: read from the journal of disk_recorder.c.

What was on the disk for certain is what an fsync that had ended was asked to bring there. Of the rest anything may be
there, within what file systems do:
- data: each page of a file as it was at any moment since, later pages without earlier ones, pages that were never
  written as zeros;
- a file's length: as it was at any moment since; what was cut off does not come back behind a length of after the cut;
- names of one folder: changed up to any moment since, in the order of the changes; folders independently of each
  other, and of the files. A file that was synced and whose name was not may have none.
"""

import os
import struct

ENTRY = struct.Struct("<QiiqQ")
# A disk writes whole sectors, and systems usually whole pages.
UNITS = (512, 4096)


class Entry:
    def __init__(self, when, what, descriptor, number, data):
        self.when, self.what, self.descriptor, self.number, self.data = when, what, descriptor, number, data


def journal(path):
    """Its entries; one that was being written when the process ended is none."""
    data, entries, at = open(path, "rb").read(), [], 0
    while at + ENTRY.size <= len(data):
        when, what, descriptor, number, count = ENTRY.unpack_from(data, at)
        at += ENTRY.size + count
        if at > len(data):
            break
        entries.append(Entry(when, chr(what), descriptor, number, data[at - count:at]))
    return entries


class Node:
    """A file or a folder: what is certain, and the changes since."""

    def __init__(self):
        self.changes, self.settled = [], 0

    @property
    def moment(self):
        return self.settled + len(self.changes)

    def settle(self, moment):
        """All changes up to then are certain."""
        count = moment - self.settled
        if count > 0:
            for change in self.changes[:count]:
                self.apply(change)
            del self.changes[:count]
            self.settled = moment


class FileNode(Node):
    def __init__(self, data=b""):
        super().__init__()
        self.certain = bytearray(data)

    def apply(self, change, image=None):
        image = self.certain if image is None else image
        what, at, data = change
        if what == "W":
            image.extend(bytes(max(0, at + len(data) - len(image))))
            image[at:at + len(data)] = data
        else:
            image.extend(bytes(max(0, at - len(image))))
            if what == "T":
                del image[at:]

    def whole(self):
        image = bytearray(self.certain)
        for change in self.changes:
            self.apply(change, image)
        return image

    def left(self, chance, unit):
        """What the disk may have after the loss."""
        if not self.changes or chance is None:
            return self.certain
        length_from = chance.randint(0, len(self.changes))
        share = chance.choice((0, 0.5, 0.9, 1))
        image, base, versions, length = bytearray(self.certain), bytearray(self.certain), {}, len(self.certain)
        for index, change in enumerate(self.changes):
            what, at, data = change
            is_cut = what == "T" and at < len(image)
            if is_cut and index >= length_from:
                break
            self.apply(change, image)
            if is_cut:
                del base[at:]
                for page in [page for page in versions if (page + 1) * unit > at]:
                    versions[page] = [old[:max(0, at - page * unit)] for old in versions[page]]
            elif what == "W":
                for page in range(at // unit, (at + len(data) - 1) // unit + 1):
                    versions.setdefault(page, []).append(bytes(image[page * unit:(page + 1) * unit]))
            if index < length_from:
                length = len(image)
        base.extend(bytes(max(0, len(image) - len(base))))
        for page, found in versions.items():
            if chance.random() < share:
                version = found[-1]
            else:
                version = chance.choice([bytes(base[page * unit:(page + 1) * unit]), *found])
            base[page * unit:(page + 1) * unit] = version.ljust(min(unit, len(base) - page * unit), b"\0")
        base.extend(bytes(max(0, length - len(base))))
        return base[:length]


class FolderNode(Node):
    def __init__(self):
        super().__init__()
        self.certain, self.names = {}, {}

    def apply(self, change):
        for name, node in change:
            if node is None:
                self.certain.pop(name, None)
            else:
                self.certain[name] = node

    def change(self, *names):
        for name, node in names:
            if node is None:
                self.names.pop(name, None)
            else:
                self.names[name] = node
        self.changes.append(names)

    def left(self, chance):
        names = dict(self.certain)
        for change in self.changes[:chance.choice((0, len(self.changes), chance.randint(0, len(self.changes))))
                                   if chance else 0]:
            for name, node in change:
                if node is None:
                    names.pop(name, None)
                else:
                    names[name] = node
        return names


class Disk:
    """The disk under one folder, as the journal tells it. What is there at the start is certain."""

    def __init__(self, folder):
        self.folder = folder
        self.root = self.load(folder)
        self.descriptors, self.syncing = {}, {}

    def load(self, path):
        if os.path.isfile(path):
            return FileNode(open(path, "rb").read())
        node = FolderNode()
        for name in os.listdir(path):
            node.certain[name] = node.names[name] = self.load(f"{path}/{name}")
        return node

    def find(self, path):
        """-> the folder, the name in it, what bears it"""
        folder, parts = self.root, os.path.relpath(path, self.folder).split("/")
        if parts == ["."]:
            return None, None, self.root
        for part in parts[:-1]:
            folder = folder.names[part]
        return folder, parts[-1], folder.names.get(parts[-1])

    def play(self, entry):
        what, descriptor, text = entry.what, entry.descriptor, entry.data
        if what in "WTA":
            self.descriptors[descriptor].changes.append((what, entry.number, text))
        elif what == "S":
            node = self.descriptors[descriptor]
            self.syncing[descriptor] = node, node.moment
        elif what == "E":
            node, moment = self.syncing.pop(descriptor)
            node.settle(moment)
        elif what == "C":
            self.descriptors.pop(descriptor, None)
        elif what == "R":
            (folder, name, node), (target, new_name, _) = map(self.find, text.decode().split("\n"))
            assert folder is target, "a file moves to another folder: nothing here knows what is left of that"
            folder.change((name, None), (new_name, node))
        else:
            folder, name, node = self.find(text.decode())
            if what == "U":
                folder.change((name, None))
            elif node is None:
                node = FileNode() if what == "O" else FolderNode()
                folder.change((name, node))
            if what == "O":
                self.descriptors[descriptor] = node
                if entry.number:
                    node.changes.append(("T", 0, b""))

    def check(self):
        """All that was written together is what the system shows: no change went past the recorder."""
        self.compare(self.root, self.folder)

    def compare(self, node, path):
        if isinstance(node, FileNode):
            assert node.whole() == open(path, "rb").read(), f"{path} was changed in a way that is not recorded"
            return
        assert set(node.names) == set(os.listdir(path)), f"names in {path} were changed in a way that is not recorded"
        for name, child in node.names.items():
            self.compare(child, f"{path}/{name}")

    def leave(self, target, chance=None):
        """Puts into the new folder `target` what a loss of power leaves now: without `chance` what is certain alone,
        else also of the rest what it says."""
        self.write(self.root, target, chance, chance.choice(UNITS) if chance else None)

    def write(self, node, path, chance, unit):
        if isinstance(node, FileNode):
            with open(path, "wb") as file:
                file.write(node.left(chance, unit))
            return
        os.mkdir(path)
        for name, child in node.left(chance).items():
            self.write(child, f"{path}/{name}", chance, unit)
