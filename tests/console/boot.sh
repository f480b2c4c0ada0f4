exec sh /usr/local/lib/firstboot/bootstrap
