# SPDX-License-Identifier: Apache-2.0
#
# Where each built file goes on a system. Packages are cut from this one list. The daemons are 711: what its user may not
# read, the kernel starts as a process that he may not look into, before its first instruction could see to that.

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(PAMDIR) $(DESTDIR)$(MANDIR)

# The user's side: CLI, shim, broker, its units and its D-Bus contract. What starts a program names where it went.
.PHONY: install-broker
install: install-broker
install-broker: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(USERUNITDIR)/sockets.target.wants \
		$(DESTDIR)$(DATADIR)/dbus-1/services $(DESTDIR)$(DATADIR)/dbus-1/interfaces
	install -m 755 $(B)/valetkey $(B)/valetkey-credential-process $(DESTDIR)$(BINDIR)/
	install -m 711 $(B)/valetkey-broker $(DESTDIR)$(LIBEXECDIR)/
	install -D -m 644 completions/valetkey.bash $(DESTDIR)$(DATADIR)/bash-completion/completions/valetkey
	install -D -m 644 completions/_valetkey $(DESTDIR)$(DATADIR)/zsh/vendor-completions/_valetkey
	install -D -m 644 completions/valetkey.fish $(DESTDIR)$(DATADIR)/fish/vendor_completions.d/valetkey.fish
	install -d $(DESTDIR)$(USERENVDIR)
	install -m 755 $(B)/60-valetkey $(DESTDIR)$(USERENVDIR)/
	install -m 644 packaging/valetkey-broker.socket $(DESTDIR)$(USERUNITDIR)/
	sed 's|@LIBEXECDIR@|$(LIBEXECDIR)|g' packaging/valetkey-broker.service >$(DESTDIR)$(USERUNITDIR)/valetkey-broker.service
	sed 's|@LIBEXECDIR@|$(LIBEXECDIR)|g' dbus/org.valetkey.Broker1.service \
		>$(DESTDIR)$(DATADIR)/dbus-1/services/org.valetkey.Broker1.service
	ln -sf ../valetkey-broker.socket $(DESTDIR)$(USERUNITDIR)/sockets.target.wants/valetkey-broker.socket
	install -m 644 dbus/org.valetkey.Broker1.xml $(DESTDIR)$(DATADIR)/dbus-1/interfaces/

# The sandbox and its example, which is also where people start from with their own trust policies.
EXAMPLE_FILES = $(shell cd sandbox/example && find . -type f | LC_ALL=C sort)
.PHONY: install-sandbox
install: install-sandbox
install-sandbox: all
	install -d $(DESTDIR)$(BINDIR)
	install -m 755 $(B)/valetkey-sandbox $(DESTDIR)$(BINDIR)/
	for f in $(EXAMPLE_FILES); do install -D -m 644 "sandbox/example/$$f" "$(DESTDIR)$(DATADIR)/valetkey/sandbox-example/$$f" || exit 1; done

# The machine's side: the PAM module, the sign-in daemon, its units, its user and its folders.
.PHONY: install-signin
install: install-signin
install-signin: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(PAMDIR) $(DESTDIR)$(UNITDIR)/sockets.target.wants \
		$(DESTDIR)$(PREFIX)/lib/sysusers.d $(DESTDIR)$(PREFIX)/lib/tmpfiles.d
	install -m 711 $(B)/valetkeyd $(DESTDIR)$(BINDIR)/
	install -m 644 $(B)/pam_valetkey.so $(DESTDIR)$(PAMDIR)/
	for s in login claim; do \
		sed 's|=/run/valetkey/|=$(RUNDIR)/valetkey/|' packaging/valetkeyd-$$s.socket \
			>$(DESTDIR)$(UNITDIR)/valetkeyd-$$s.socket && \
		ln -sf ../valetkeyd-$$s.socket $(DESTDIR)$(UNITDIR)/sockets.target.wants/valetkeyd-$$s.socket || exit 1; \
	done
	sed 's|@BINDIR@|$(BINDIR)|g' packaging/valetkeyd.service >$(DESTDIR)$(UNITDIR)/valetkeyd.service
	install -m 644 packaging/valetkey.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/valetkey.conf
	sed -e 's|/run/valetkey|$(RUNDIR)/valetkey|' -e 's|/var/lib/valetkey|$(LOCALSTATEDIR)/lib/valetkey|' \
		-e 's|/etc/valetkey|$(SYSCONFDIR)/valetkey|' packaging/valetkey.tmpfiles \
		>$(DESTDIR)$(PREFIX)/lib/tmpfiles.d/valetkey.conf

# Every page there is, into the section its name ends with.
.PHONY: install-man
install: install-man
install-man: $(MANS)
	for m in $(MANS); do \
		d=$(DESTDIR)$(MANDIR)/man$${m##*.} && install -d "$$d" && install -m 644 "$$m" "$$d/" || exit 1; \
	done
