# SPDX-License-Identifier: Apache-2.0
#
# Where each built file goes on a system. Packages are cut from this one list.

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(PAMDIR) $(DESTDIR)$(MANDIR)
